module Brain
  class Error < StandardError; end
  class Timeout < Error; end
  class Invalid < Error; end
  URL = "http://127.0.0.1:8820"

  def self.generate(task, input, timeout:, headers:, job: nil)
    conn = Faraday.new(url: URL, request: { timeout: timeout, open_timeout: 1 })
    res = conn.post("/v1/generate") do |r|
      r.headers["Content-Type"] = "application/json"
      headers.compact.each { |k, v| r.headers[k] = v }
      r.body = { task: task, input: input, caller: { service: job ? "table-worker" : "table-web", job: job }.compact }.to_json
    end
    body = JSON.parse(res.body)
    return body if res.status == 200
    raise Invalid, "brain rejected the answer for #{body['generation']}: #{body['error']}" if res.status == 422
    raise Error, "brain answered #{res.status} for #{body['generation']}: #{body['error']}"
  rescue Faraday::TimeoutError
    raise Timeout, "brain did not answer within #{timeout}s"
  end
end
