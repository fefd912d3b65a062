import { Body, Controller, Get, HttpCode, Logger, NotFoundException, Param, ParseIntPipe, Patch, Post, Req, Res } from '@nestjs/common';
import { Request, Response } from 'express';
import { ClsService } from 'nestjs-cls';
import { Db } from './db';
import { CreateCandidate, CreateShortlist, Letter, Note, Screen } from './dto';
import { Llm } from './llm';
import { Queue } from './queue';

@Controller('api/candidates')
export class CandidatesController {
  private readonly logger = new Logger(CandidatesController.name);
  constructor(private readonly db: Db, private readonly queue: Queue) {}

  @Post() @HttpCode(202)
  async create(@Body() b: CreateCandidate) {
    const t = Date.now();
    const row = await this.db.write('candidates', "insert into candidates (name, email, cv, status) values ($1, $2, $3, 'new') returning id", [b.name, b.email, b.cv]);
    this.logger.log(`candidate ${row.id} inserted in ${Date.now() - t} ms`);
    const taskId = this.queue.parseCv(row.id, !!b.pushToCrm);
    return { candidateId: row.id, taskId };
  }

  @Get(':id')
  async get(@Param('id', ParseIntPipe) id: number) {
    const [row] = await this.db.read('select id, name, email, status, profile from candidates where id = $1', [id]);
    if (!row) throw new NotFoundException(`candidate ${id} not found`);
    const [first, last] = row.name.split(' ');
    return { ...row, initials: first[0] + last[0] };
  }

  @Patch(':id/notes')
  async note(@Param('id', ParseIntPipe) id: number, @Body() b: Note) {
    const t = Date.now();
    const row = await this.db.write('notes', 'insert into notes (candidate_id, body) select id, $2 from candidates where id = $1 returning id', [id, b.text]);
    if (!row) throw new NotFoundException(`candidate ${id} not found`);
    this.logger.log(`note ${row.id} saved in ${Date.now() - t} ms`);
    return row;
  }
}

@Controller('api')
export class AppController {
  private readonly logger = new Logger(AppController.name);
  constructor(private readonly db: Db, private readonly queue: Queue, private readonly llm: Llm, private readonly cls: ClsService) {}

  @Post('shortlists') @HttpCode(202)
  async shortlist(@Body() b: CreateShortlist) {
    const row = await this.db.write('shortlists', "insert into shortlists (vacancy, skills, status) values ($1, $2, 'queued') returning id", [b.vacancy, b.skills.join(',')]);
    this.logger.log(`shortlist ${row.id} stored`);
    const taskId = this.queue.shortlist(row.id, this.cls.getId());
    return { shortlistId: row.id, taskId };
  }

  @Post('screen') @HttpCode(200)
  async screen(@Body() b: Screen) {
    const [c] = await this.db.read('select id, cv from candidates where id = $1', [b.candidateId]);
    if (!c) throw new NotFoundException(`candidate ${b.candidateId} not found`);
    const prompt = Math.random() < 0.5 ? 'screen@3' : 'screen@4';
    const v = await this.llm.screen(`${b.question}\n${c.cv}`, prompt);
    const t = Date.now();
    const row = await this.db.write('screens', 'insert into screens (candidate_id, score) values ($1, $2) returning id', [c.id, v.score]);
    this.logger.log({ msg: 'screening stored', screenId: row.id, candidateId: c.id, score: v.score, durationMs: Date.now() - t });
    return { id: row.id, ...v };
  }

  @Post('letters')
  async letter(@Body() b: Letter, @Req() req: Request, @Res() res: Response) {
    const gone = new AbortController();
    res.on('close', () => gone.abort());
    let chunks = 0, id: string;
    const stream = await this.llm.stream(`Write a ${b.tone} letter for ${b.vacancy}`, gone.signal);
    res.status(200).set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }).flushHeaders();
    try {
      for await (const c of stream) {
        id = c.id;
        chunks++;
        res.write(`data: ${JSON.stringify({ text: c.choices[0]?.delta?.content ?? '' })}\n\n`);
      }
      if (gone.signal.aborted) { this.logger.warn(`letter abandoned by client after ${chunks} chunks`); return void res.end(); }
      res.write('data: [DONE]\n\n');
      this.logger.log(`letter finished, ${chunks} chunks (${id})`);
    } catch (e) {
      if (gone.signal.aborted) { this.logger.warn(`letter abandoned by client after ${chunks} chunks`); return void res.end(); }
      this.logger.error(`letter broke off after ${chunks} chunks: ${e.message}`);
      res.write('event: error\ndata: {}\n\n');
    }
    res.end();
  }

  @Get('tasks/:id')
  async task(@Param('id') id: string) {
    const [row] = await this.db.read('select status from candidates where task_id = $1 union all select status from shortlists where task_id = $1', [id]);
    const state = row?.status ?? 'PENDING';
    this.logger.log(`task ${id} is ${state}`);
    return { id, state };
  }

  @Get('shortlists/:id')
  async readShortlist(@Param('id', ParseIntPipe) id: number) {
    const [row] = await this.db.read('select * from shortlists where id = $1', [id]);
    if (!row) throw new NotFoundException(`shortlist ${id} not found`);
    return row;
  }
}

@Controller()
export class HealthController {
  @Get('healthz') ok() { return { status: 'ok' }; }
}
