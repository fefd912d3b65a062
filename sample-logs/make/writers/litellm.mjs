// gateway.log: one LiteLLM StandardLoggingPayload a call, written by a custom callback that leaves out messages and response.

import { dumps } from "./python.mjs";

export function litellm(entry) {
  const { failure, start, end, first, group, model, input, output, stream } = entry;
  // Without a stream LiteLLM sees the answer begin when it ends.
  const [startTime, endTime, firstTime] = [start, end, stream ? first : end].map((us) => us / 1e6);
  const error = failure ? failure.text : null;
  return dumps({
    id: entry.id,
    litellm_call_id: entry.callId,
    trace_id: entry.traceId,
    call_type: entry.kind,
    cache_hit: failure ? false : null,
    stream,
    status: failure ? "failure" : "success",
    custom_llm_provider: "openai",
    startTime: { float: startTime },
    endTime: { float: endTime },
    completionStartTime: { float: firstTime },
    // LiteLLM's own rule: time to the first token when the answer streams.
    response_time: { float: stream && !failure ? firstTime - startTime : endTime - startTime },
    model: `openai/${model.model}`,
    metadata: {
      user_api_key_alias: "briefly-production",
      requester_metadata: entry.labels,
    },
    response_cost: { float: entry.cost },
    total_tokens: input + output,
    prompt_tokens: input,
    completion_tokens: output,
    request_tags: [],
    end_user: "",
    api_base: "https://api.openai.com",
    model_group: group,
    model_id: entry.deployment,
    requester_ip_address: entry.ip,
    model_parameters: parameters(entry),
    error_str: error,
    error_information: failure
      ? { error_code: failure.code, error_class: failure.error, llm_provider: "openai", error_message: error }
      : { error_code: "", error_class: "", llm_provider: "", error_message: "" },
  });
}

function parameters({ kind, stream, model }) {
  if (kind === "aembedding") return { encoding_format: "float" };
  return { temperature: { float: 0.2 }, ...(stream ? { stream: true } : {}), max_tokens: model.maxTokens };
}
