import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.HexFormat;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.hadoop.HadoopTables;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Types;

/**
 * Reads a table with Iceberg's own library, by its path: HadoopTables goes from version-hint.text on. A line a row, a
 * JSON array of texts (see read.py for how values are written).
 *
 *     java -cp ... Read.java <folder of the buckets> s3://bucket/prefix/table [snapshot id]
 */
public class Read {
  private static final LocalDateTime EPOCH = LocalDateTime.of(1970, 1, 1, 0, 0);

  /** s3://bucket/key is the file folder/bucket/key: where the library would have a client of S3's. */
  private static Configuration bucketsIn(String folder, String bucket) {
    Configuration conf = new Configuration();
    conf.set("fs.s3.impl", "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme");
    conf.set("fs.viewfs.overload.scheme.target.s3.impl", "org.apache.hadoop.fs.LocalFileSystem");
    conf.set("fs.viewfs.mounttable." + bucket + ".linkMergeSlash", "file://" + folder + "/" + bucket);
    return conf;
  }

  private static String text(Object value) {
    if (value instanceof BigDecimal number) return number.toPlainString();
    if (value instanceof Float number) return String.format("%08x", Float.floatToIntBits(number));
    if (value instanceof Double number) return String.format("%016x", Double.doubleToLongBits(number));
    if (value instanceof LocalDate date) return Long.toString(date.toEpochDay());
    if (value instanceof LocalTime time) return Long.toString(time.toNanoOfDay() / 1000);
    if (value instanceof LocalDateTime time) return Long.toString(ChronoUnit.MICROS.between(EPOCH, time));
    if (value instanceof OffsetDateTime time) {
      return text(time.withOffsetSameInstant(ZoneOffset.UTC).toLocalDateTime());
    }
    if (value instanceof ByteBuffer bytes) {
      byte[] copy = new byte[bytes.remaining()];
      bytes.duplicate().get(copy);
      return HexFormat.of().formatHex(copy);
    }
    return value.toString();
  }

  private static void appendJson(StringBuilder line, String text) {
    line.append('"');
    for (int at = 0; at < text.length(); at++) {
      char character = text.charAt(at);
      if (character == '"' || character == '\\') line.append('\\').append(character);
      else if (character < ' ') line.append(String.format("\\u%04x", (int) character));
      else line.append(character);
    }
    line.append('"');
  }

  public static void main(String[] args) throws Exception {
    Configuration conf = bucketsIn(args[0], URI.create(args[1]).getAuthority());
    Table table = new HadoopTables(conf).load(args[1]);
    List<Types.NestedField> fields = table.schema().columns();
    IcebergGenerics.ScanBuilder scan = IcebergGenerics.read(table);
    if (args.length > 2) scan = scan.useSnapshot(Long.parseLong(args[2]));
    try (CloseableIterable<Record> rows = scan.build();
        PrintStream out =
            new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8)) {
      for (Record row : rows) {
        StringBuilder line = new StringBuilder("[");
        for (int at = 0; at < fields.size(); at++) {
          if (at > 0) line.append(',');
          Object value = row.get(at);
          if (value == null) line.append("null");
          else appendJson(line, text(value));
        }
        out.println(line.append(']'));
      }
    }
  }
}
