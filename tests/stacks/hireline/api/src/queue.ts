import { Injectable, Logger } from '@nestjs/common';
import { createClient } from 'celery-node';

const URL = process.env.BROKER_URL;

@Injectable()
export class Queue {
  private readonly logger = new Logger(Queue.name);
  private clients = { cv: createClient(URL, URL, 'cv'), match: createClient(URL, URL, 'match') };

  parseCv(candidateId: number, crm: boolean): string {
    const r = this.clients.cv.createTask('cv.parse').applyAsync([candidateId], { crm });
    this.logger.log(`queued cv.parse ${r.taskId} for candidate ${candidateId}`);
    return r.taskId;
  }
  shortlist(shortlistId: number, requestId: string): string {
    const r = this.clients.match.createTask('match.shortlist').applyAsync([shortlistId], { requested_by: requestId });
    return r.taskId;
  }
}
