module Pantry
  URL = "http://127.0.0.1:8830"

  def self.food(name, request_id:)
    res = Faraday.new(url: URL, request: { timeout: 5 }).get("/foods/#{name}") { |r| r.headers["X-Request-Id"] = request_id }
    res.status == 200 ? JSON.parse(res.body) : nil
  end

  def self.batch(names, request_id:)
    res = Faraday.new(url: URL, request: { timeout: 5 }).post("/foods/batch") do |r|
      r.headers["X-Request-Id"] = request_id
      r.headers["Content-Type"] = "application/json"
      r.body = { names: names }.to_json
    end
    raise "pantry answered #{res.status}" unless res.status == 200
    JSON.parse(res.body)
  end
end
