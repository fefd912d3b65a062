module Embeddings
  class Error < StandardError; end

  def self.create(text, logger)
    conn = Faraday.new(url: "http://127.0.0.1:8841", request: { timeout: 4 }) do |f|
      f.request :retry, max: 2, interval: 0.4, backoff_factor: 2, methods: [:post], retry_statuses: [429, 500, 503],
        retry_block: ->(env, _o, left, e) { logger.warn("embeddings: #{e&.class || "status #{env.status}"}, #{left} retries left") }
      f.adapter Faraday.default_adapter
    end
    res = conn.post("/v1/embeddings", { model: "text-embedding-3-small", input: text }.to_json, "Content-Type" => "application/json")
    raise Error, "embeddings answered #{res.status}" unless res.status == 200
    [JSON.parse(res.body), res.headers["x-request-id"]]
  end
end
