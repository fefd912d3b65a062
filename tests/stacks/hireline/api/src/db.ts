import { Injectable } from '@nestjs/common';
import { Pool } from 'pg';

@Injectable()
export class Db {
  private pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 8 });
  async read(sql: string, args: any[] = []) {
    return (await this.pool.query(sql, args)).rows;
  }
  /** insert or update; gives the first returned row */
  async write(table: string, sql: string, args: any[] = []) {
    return (await this.pool.query(sql, args)).rows[0];
  }
}
