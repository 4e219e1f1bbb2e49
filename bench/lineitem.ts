import pg from 'pg';

/**
 * A table like TPC-H's lineitem, made by the server: 16 columns, about 190 bytes a row in text; keys in the heap's order,
 * few-valued flags, random amounts, a random comment.
 */
export async function createLineitem(url: string, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`
      create table lineitem (
        l_id bigint primary key,
        l_orderkey bigint not null,
        l_partkey integer not null,
        l_suppkey integer not null,
        l_linenumber integer not null,
        l_quantity numeric(15,2) not null,
        l_extendedprice numeric(15,2) not null,
        l_discount numeric(15,2) not null,
        l_tax numeric(15,2) not null,
        l_returnflag char(1) not null,
        l_linestatus char(1) not null,
        l_shipdate date not null,
        l_commitdate date not null,
        l_receiptdate date not null,
        l_shipinstruct varchar(25) not null,
        l_comment varchar(44) not null
      )`);
    await client.query(
      `insert into lineitem
       select i, i / 4 * 32 + i % 4, (random() * 2e5)::int, (random() * 1e4)::int, 1 + i % 4,
              1 + (random() * 49)::int, (random() * 1e5)::numeric(15,2), (random() * 10)::int / 100.0,
              (random() * 8)::int / 100.0, (array['A','N','R'])[1 + i % 3], (array['F','O'])[1 + i % 2],
              d, d + 30, d + (random() * 30)::int,
              (array['DELIVER IN PERSON','COLLECT COD','NONE','TAKE BACK RETURN'])[1 + (random() * 3)::int],
              left(md5(random()::text) || ' ' || md5(i::text), 10 + (random() * 33)::int)
       from (select i, date '1992-01-01' + (random() * 2500)::int as d from generate_series(1, $1::bigint) i) rows`,
      [rows],
    );
    await client.query('vacuum (analyze, freeze) lineitem');
  } finally {
    await client.end();
  }
}
