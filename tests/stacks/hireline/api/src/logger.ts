import { ConsoleLogger, ConsoleLoggerOptions } from '@nestjs/common';
import { ClsServiceManager } from 'nestjs-cls';

/** Nest's JSON logger, with the id of the request where there is one. */
export class AppLogger extends ConsoleLogger {
  constructor() {
    super({ json: true, colors: false, logLevels: ['log', 'warn', 'error', 'fatal'] } as ConsoleLoggerOptions);
  }
  protected getJsonLogObject(message: any, options: any): any {
    const cls = ClsServiceManager.getClsService();
    const requestId = cls.isActive() ? cls.getId() : undefined;
    return { ...super.getJsonLogObject(message, options), ...(requestId ? { requestId } : {}) };
  }
}
