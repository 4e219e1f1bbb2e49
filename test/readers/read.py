"""
Reads a table with PyIceberg, by its path: StaticTable goes from version-hint.text on. A line a row, a JSON array of texts:
numbers as they are written, floats as the hex digits of their bits, dates as days and times as microseconds (since
1970-01-01, or midnight), bytes as hex digits, null. Read.java writes the same.

    python read.py <endpoint of S3> s3://bucket/prefix/table [snapshot id]
"""

import json
import struct
import sys
import uuid

import pyarrow as pa
from pyiceberg.table import StaticTable


def texts(column: pa.ChunkedArray):
    kind = column.type
    if pa.types.is_date32(kind):
        return ordered(column.cast(pa.int32()), str)
    if pa.types.is_time64(kind) or pa.types.is_timestamp(kind):
        assert kind.unit == "us", kind
        return ordered(column.cast(pa.int64()), str)
    if pa.types.is_float32(kind):
        return ordered(column, lambda value: struct.pack(">f", value).hex())
    if pa.types.is_float64(kind):
        return ordered(column, lambda value: struct.pack(">d", value).hex())
    if pa.types.is_decimal(kind):
        return ordered(column, lambda value: format(value, "f"))
    if pa.types.is_boolean(kind):
        return ordered(column, lambda value: "true" if value else "false")
    if pa.types.is_fixed_size_binary(kind):
        return ordered(column, lambda value: str(uuid.UUID(bytes=value)))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return ordered(column, lambda value: value.hex())
    return ordered(column, str)


def ordered(column: pa.ChunkedArray, text):
    return [None if value is None else text(value) for value in column.to_pylist()]


def main(endpoint: str, location: str, snapshot: str | None = None) -> None:
    properties = {
        "s3.endpoint": endpoint,
        "s3.access-key-id": "local",
        "s3.secret-access-key": "local",
        "s3.region": "us-east-1",
    }
    table = StaticTable.from_metadata(location, properties)
    rows = table.scan(snapshot_id=None if snapshot is None else int(snapshot)).to_arrow()
    for row in zip(*(texts(column) for column in rows.columns)):
        print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))


main(*sys.argv[1:])
