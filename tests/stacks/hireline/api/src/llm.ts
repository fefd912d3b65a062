import { Injectable, Logger, GatewayTimeoutException, BadGatewayException } from '@nestjs/common';
import OpenAI, { APIConnectionTimeoutError, APIUserAbortError } from 'openai';
import { ClsService } from 'nestjs-cls';

const client = new OpenAI({ apiKey: 'internal', baseURL: process.env.GATEWAY_URL, maxRetries: 0, timeout: 6000 });

export interface Verdict { score: number; reasons: string[] }

@Injectable()
export class Llm {
  private readonly logger = new Logger(Llm.name);
  constructor(private readonly cls: ClsService) {}

  private headers(prompt: string) {
    const h: Record<string, string> = { 'X-Request-Id': this.cls.getId(), 'X-Prompt-Version': prompt };
    const tp = this.cls.get('traceparent');
    if (tp) h.traceparent = tp;
    return h;
  }

  async screen(question: string, prompt: string): Promise<Verdict> {
    for (let n = 1; n <= 2; n++) {
      let r;
      try {
        r = await client.chat.completions.create(
          { model: 'gpt-4.1-mini', messages: [{ role: 'user', content: question }], response_format: { type: 'json_object' } },
          { headers: this.headers(prompt) });
      } catch (e) {
        if (e instanceof APIConnectionTimeoutError) throw new GatewayTimeoutException('the model took too long');
        this.logger.error(`model gateway: ${e.message}`);
        throw new BadGatewayException('model unavailable');
      }
      try {
        const v = JSON.parse(r.choices[0].message.content);
        if (typeof v.score !== 'number' || !Array.isArray(v.reasons)) throw new Error('score must be a number');
        return v;
      } catch (e) {
        this.logger.warn({ msg: 'answer does not match schema', attempt: n, completion: r.id, error: e.message });
      }
    }
    throw new BadGatewayException('no usable answer');
  }

  stream(prompt: string, signal: AbortSignal) {
    return client.chat.completions.create(
      { model: 'gpt-4.1', stream: true, messages: [{ role: 'user', content: prompt }] },
      { headers: this.headers('letter@5'), signal, timeout: 20000 });
  }
}
