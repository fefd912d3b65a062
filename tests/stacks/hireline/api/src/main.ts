import 'reflect-metadata';
import { Injectable, Logger, MiddlewareConsumer, Module, NestMiddleware, NestModule, ValidationPipe, HttpException, ExceptionFilter, Catch, ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ClsModule } from 'nestjs-cls';
import { randomUUID } from 'crypto';
import { NextFunction, Request, Response } from 'express';
import { AppLogger } from './logger';
import { AppController, CandidatesController, HealthController } from './controllers';
import { Db } from './db';
import { Llm } from './llm';
import { Queue } from './queue';

@Injectable()
class HttpLog implements NestMiddleware {
  private readonly logger = new Logger('HTTP');
  use(req: Request, res: Response, next: NextFunction) {
    const t = Date.now();
    res.on('close', () => {
      const len = res.get('content-length') ?? '-';
      const m = `${req.method} ${req.originalUrl} ${res.statusCode} ${len} ${Date.now() - t}ms`;
      if (!res.writableFinished) this.logger.warn(m + ' aborted');
      else this.logger.log(m);
    });
    next();
  }
}

/** Client errors get a line, everything else is Nest's own affair. */
@Catch()
class Errors extends BaseExceptionFilter implements ExceptionFilter {
  private readonly logger = new Logger('Errors');
  catch(e: unknown, host: ArgumentsHost) {
    if (e instanceof HttpException) this.logger[e.getStatus() < 500 ? 'warn' : 'error'](`${e.getStatus()} ${e.message}`);
    const res = host.switchToHttp().getResponse();
    if (res.destroyed) return;
    super.catch(e, host);
  }
}

@Module({
  imports: [ClsModule.forRoot({ global: true, middleware: {
    mount: true, generateId: true, idGenerator: (req: Request) => (req.headers['x-request-id'] as string) ?? randomUUID(),
    setup: (cls, req) => cls.set('traceparent', req.headers['traceparent']) } })],
  controllers: [CandidatesController, AppController, HealthController],
  providers: [Db, Queue, Llm],
})
class AppModule implements NestModule {
  configure(c: MiddlewareConsumer) { c.apply(HttpLog).forRoutes('{*any}'); }
}

async function main() {
  const app = await NestFactory.create(AppModule, { logger: new AppLogger() });
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
  app.useGlobalFilters(new Errors(app.get(HttpAdapterHost).httpAdapter));
  app.enableShutdownHooks();
  const db = app.get(Db), log = new Logger('Stats');
  setInterval(async () => {
    const [r] = await db.read("select count(*) filter (where status = 'new') as fresh, count(*) filter (where status = 'parsed') as parsed from candidates");
    log.log({ msg: 'candidates', fresh: Number(r.fresh), parsed: Number(r.parsed) });
  }, 15000).unref();
  await app.listen(Number(process.env.PORT ?? 9010), '127.0.0.1');
}
main();
