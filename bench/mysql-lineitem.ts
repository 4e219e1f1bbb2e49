import mysql from 'mysql2/promise';

/** The rows of `lineitem.ts`, in MariaDB. */
export async function createMysqlLineitem(url: string, rows: number): Promise<void> {
  const connection = await mysql.createConnection(url);
  try {
    await connection.query(`
      CREATE TABLE lineitem (
        l_id bigint PRIMARY KEY,
        l_orderkey bigint NOT NULL,
        l_partkey integer NOT NULL,
        l_suppkey integer NOT NULL,
        l_linenumber integer NOT NULL,
        l_quantity decimal(15,2) NOT NULL,
        l_extendedprice decimal(15,2) NOT NULL,
        l_discount decimal(15,2) NOT NULL,
        l_tax decimal(15,2) NOT NULL,
        l_returnflag char(1) NOT NULL,
        l_linestatus char(1) NOT NULL,
        l_shipdate date NOT NULL,
        l_commitdate date NOT NULL,
        l_receiptdate date NOT NULL,
        l_shipinstruct varchar(25) NOT NULL,
        l_comment varchar(44) NOT NULL
      )`);
    await connection.query('CREATE TABLE thousand (n int PRIMARY KEY)');
    await connection.query(
      'INSERT INTO thousand WITH RECURSIVE t AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 999) SELECT n FROM t',
    );
    const batch = 250_000;
    for (let from = 0; from < rows; from += batch)
      await connection.query(
        `INSERT INTO lineitem
         SELECT i, FLOOR(i / 4) * 32 + i % 4, RAND() * 2e5, RAND() * 1e4, 1 + i % 4,
           1 + FLOOR(RAND() * 49), RAND() * 1e5, FLOOR(RAND() * 10) / 100, FLOOR(RAND() * 8) / 100,
           ELT(1 + i % 3, 'A', 'N', 'R'), ELT(1 + i % 2, 'F', 'O'), d, d + INTERVAL 30 DAY, d + INTERVAL FLOOR(RAND() * 30) DAY,
           ELT(1 + FLOOR(RAND() * 4), 'DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'),
           LEFT(CONCAT(MD5(RAND()), ' ', MD5(i)), 10 + FLOOR(RAND() * 33))
         FROM (SELECT 1 + ${from} + b.n * 1000 + a.n AS i, DATE'1992-01-01' + INTERVAL FLOOR(RAND() * 2500) DAY AS d
           FROM thousand a, thousand b WHERE b.n < ${batch / 1000}) AS numbered
         WHERE i <= ${rows}`,
      );
    await connection.query('ANALYZE TABLE lineitem');
  } finally {
    await connection.end();
  }
}
