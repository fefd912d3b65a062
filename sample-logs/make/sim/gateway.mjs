// The model gateway: one call to a provider, how long it takes, how it fails, and the record it leaves.
//
// A caller sees the call a little longer than the gateway does (the hop between them). Failures come from the weather (the
// rate-limit storm) or from the caller's script of a story.

import { Random } from "./random.mjs";
import { CONFIG, MODELS, promptVersion, SEED, STORY } from "./world.mjs";

const FAILURES = {
  rate_limit(r, model) {
    const used = 450_000 - r.integer(120, 2900),
      wanted = r.integer(2900, 7200),
      wait = Math.round(((used + wanted - 450_000) / 450_000) * 60_000);
    return {
      ms: r.lognormal(85, 0.4),
      code: "429",
      error: "RateLimitError",
      text: `litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for ${model} in organization org-3fTq8ZkV2mXw on tokens per min (TPM): Limit 450000, Used ${used}, Requested ${wanted}. Please try again in ${wait}ms. Visit https://platform.openai.com/account/rate-limits to learn more.`,
    };
  },
  server_error(r) {
    return {
      ms: r.lognormal(1700, 0.25),
      code: "500",
      error: "InternalServerError",
      text: "litellm.InternalServerError: InternalServerError: OpenAIException - The server had an error while processing your request. Sorry about that!",
    };
  },
  timeout(r) {
    const taken = 8 + r.integer(1, 3) / 100;
    return {
      ms: taken * 1000 + r.between(-3, 3),
      code: "408",
      error: "Timeout",
      text: `litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out. - timeout value=8.0, time taken=${taken.toFixed(2)} seconds`,
    };
  },
};

/** Short text of a failure as the callers log it. */
export function shortError(failure) {
  return failure.text.replace(/ Visit https:.*$/, "");
}

export class Gateway {
  constructor(journal) {
    this.journal = journal;
    this.weather = new Random(SEED, "weather");
    this.modelIds = Object.fromEntries(Object.keys(MODELS).map((group) => [group, new Random(SEED, "deployment", group).hex(64)]));
  }

  /** Whether the provider turns away the n-th attempt of a call that starts now. */
  stormy(group, time, attempt, r) {
    const [from, to] = STORY.storm;
    return MODELS[group].model === "gpt-4.1" && time >= from && time < to && attempt < 5 && r.chance([0.8, 0.62, 0.5, 0.35][attempt - 1]);
  }

  /**
   * One attempt. `call`: { request, group, at, input, output, prompt?, stream?, tools?, labels, traceId?, fail?, caller }.
   * Returns { start, end, firstToken, failure?, completionId, served, input, output } as the caller sees it.
   */
  call(call) {
    const { request, group, at, labels } = call;
    const r = request.r,
      model = MODELS[group];
    const start = at + r.integer(900, 2600);
    const failure = call.fail ? FAILURES[call.fail](r, model.model) : null;
    let first,
      end,
      output = 0;
    if (failure) {
      first = end = start + Math.round(failure.ms * 1000);
    } else if (group === "embedder") {
      first = end = start + r.us(model.firstMs + call.input / 140, 0.25);
    } else {
      output = Math.min(call.output, model.maxTokens);
      first = start + r.us(model.firstMs + call.input / 90, 0.32);
      end = first + Math.round((output / r.lognormal(model.perSecond, 0.14)) * 1e6);
    }
    const callId = r.uuid();
    // Failures and embeddings have no completion id: LiteLLM writes its own.
    const id = failure || group === "embedder" ? callId : `chatcmpl-${r.base62(29)}`;
    const traceId = call.traceId ?? r.uuid();
    const input = failure ? 0 : call.input;
    const cost = failure ? 0 : input * model.priceIn + output * model.priceOut;
    this.journal.say("gateway", end + r.integer(300, 2200), {
      id,
      callId,
      traceId,
      group,
      model,
      failure,
      start,
      first,
      end,
      input,
      output,
      cost,
      labels: this.labels(call, at),
      stream: call.stream ?? null,
      kind: group === "embedder" ? "aembedding" : "acompletion",
      deployment: this.modelIds[group],
      ip: { api: "10.0.3.11", reviews: "10.0.3.21", index: "10.0.3.22" }[call.caller],
    });
    request.span("model", model.model, start, end, failure ? failure.error : "ok");
    request.owns("call", callId);
    if (!failure && id.startsWith("chatcmpl")) request.owns("completion", id);
    if (call.traceId && !(request.ids.trace ?? []).includes(traceId)) request.owns("trace", traceId);
    return {
      start: at,
      end: end + r.integer(700, 2100),
      firstToken: failure ? null : first + r.integer(600, 1500),
      failure,
      completionId: id,
      served: model.served,
      input,
      output,
    };
  }

  /** What the caller sends along in the request's metadata. */
  labels(call, at) {
    const prompt = call.prompt ? { prompt_name: call.prompt, prompt_version: promptVersion(call.prompt, at) } : {};
    return { ...call.labels, ...prompt, config_version: CONFIG };
  }
}

/** The wait before attempt n + 1, in microseconds: half a second, doubled each time, with jitter, at most eight seconds. */
export function backoff(r, attempt) {
  return Math.round(Math.min(8, 0.5 * 2 ** (attempt - 1)) * r.between(0.85, 1.2) * 1e6);
}
