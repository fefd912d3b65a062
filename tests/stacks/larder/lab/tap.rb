# Measures the product from outside. Nothing here writes to a log of the product.
require "json"
require "logger"
require "net/http"
module LabTap
  module_function
  FD = File.open(File.join(ENV["LAB_DIR"], "side-#{$$}.jsonl"), "a").tap { |f| f.sync = true }
  M = Monitor.new
  @n = 0
  def now; Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond); end
  def emit(ev, t: now, **o) M.synchronize { FD.write({ t: t, ev: ev, pid: $$ }.merge(o).to_json + "\n") } end
  def op; M.synchronize { "#{ROLE}-#{$$}-#{@n += 1}" }; end
  ROLE = ENV["LAB_ROLE"]
  def cur; Thread.current[:lab]; end
  def cur=(x) Thread.current[:lab] = x; end
  def within(x)
    old, self.cur = cur, x
    yield
  ensure
    self.cur = old
  end
  LOCK = File.open(File.join(ENV["LAB_DIR"], ENV["LAB_LOG"] + ".lock"), "a")

  def self.redis; Thread.current[:lab_redis] ||= Redis.new(url: "redis://127.0.0.1:6390/1"); end

  module Dev
    def write(message)
      LabTap::M.synchronize do
        LabTap::LOCK.flock(File::LOCK_EX)
        begin
          LabTap.emit("line", file: ENV["LAB_LOG"], off: @dev.stat.size, lines: message.to_s.count("\n"), key: LabTap.cur&.fetch(:key))
          super
        ensure
          LabTap::LOCK.flock(File::LOCK_UN)
        end
      end
    end
  end
  ::Logger::LogDevice.prepend(Dev)

  module Http                                           # every HTTP attempt of the process
    def request(req, body = nil, &block)
      l = LabTap.cur
      return super unless l && started?
      req["x-lab-key"], req["x-lab-fault"], req["x-lab-parent"] = l[:key], l[:fault].to_s, l[:op].to_s
      return super unless port == 8841
      op, st = LabTap.op, {}
      LabTap.emit("model_start", op: op, key: l[:key], parent: l[:op], model: "text-embedding-3-small")
      begin
        r = super
        st = { status: r.code.to_i, rid: r["x-request-id"] }
        r
      rescue Exception => e
        st = { error: e.is_a?(::Timeout::Error) ? "timeout" : "broken" }
        raise
      ensure
        LabTap.emit("model_end", op: op, **st)
      end
    end
  end
  Net::HTTP.prepend(Http)

  module Save
    %i[save! update!].each do |m|
      define_method(m) do |*a, **k, &b|
        l = LabTap.cur
        next super(*a, **k, &b) if l.nil? || l[:db]
        op, ok, l[:db] = LabTap.op, false, true
        LabTap.emit("db_start", op: op, key: l[:key], parent: l[:op], table: self.class.table_name)
        begin
          r = super(*a, **k, &b)
          ok = true
          r
        ensure
          l[:db] = false
          LabTap.emit("db_end", op: op, ok: ok)
        end
      end
    end
  end

  module Tool
    %i[food batch].each do |m|
      define_method(m) do |*a, **k|
        l = LabTap.cur
        op = LabTap.op
        LabTap.emit("tool_start", op: op, key: l[:key], parent: l[:op], name: "pantry.#{m}")
        ok = false
        begin
          r = LabTap.within(l.merge(op: op)) { super(*a, **k) }
          ok = true
          r
        ensure
          LabTap.emit("tool_end", op: op, ok: ok)
        end
      end
    end
  end

  module Push                                           # the owner of a job stands in another Redis database, not in the job
    def raw_push(payloads)
      t, l = LabTap.now, LabTap.cur
      fresh = payloads.select { |p| l && LabTap.redis.set("lab:#{p['jid']}", { key: l[:key], fault: l[:fault], parent: l[:op] }.to_json, nx: true) }
      r = super
      fresh.each do |p|
        LabTap.emit("publish", t: t, task: p["jid"], name: p["class"], queue: p["queue"], key: l[:key], parent: l[:op])
        next unless l[:fault].to_s.include?("D=dup") && p["class"] == "ImportRecipeWorker"
        raw = Sidekiq.dump_json(p)
        Thread.new do
          sleep 3.5
          Redis.new(url: "redis://127.0.0.1:6390/0").lpush("queue:#{p['queue']}", raw)
          LabTap.emit("duplicated", task: p["jid"])
        end
      end
      r
    end
  end

  module Proc
    def process(work)
      job = JSON.parse(work.job)
      raw = LabTap.redis.get("lab:#{job['jid']}") or return super
      o, op = JSON.parse(raw), LabTap.op
      st = { key: o["key"], fault: o["fault"], op: op }
      exc = nil
      LabTap.emit("task_start", op: op, key: o["key"], parent: o["parent"], task: job["jid"], name: job["class"], retries: job["retry_count"] ? job["retry_count"] + 1 : 0, interrupted: job["interrupted_count"].to_i)
      LabTap.cur = st
      begin
        super
      rescue Exception => e
        exc = (e.cause || e)
        raise
      ensure
        LabTap.emit("task_end", op: op, exc: exc&.class&.name, msg: exc&.message, dead: !!st[:dead], skipped: !!st[:skipped])
        LabTap.cur = nil
      end
    end
  end

  module Dead
    def retries_exhausted(*a)
      LabTap.cur[:dead] = true if LabTap.cur
      super
    end
  end

  module Trace                                          # the tap's own frames are no part of the product
    def call(ex, ctx)
      ex.set_backtrace(ex.backtrace.reject { |l| l.include?("/lab/tap.rb") }) if ex.backtrace
      super
    end
  end

  module Skip
    def perform(*a)
      r = Recipe.find(a[0])
      LabTap.cur[:skipped] = true if r.state == "ready" && LabTap.cur
      super
    end
  end

  module Requeue                                        # the lines of the recovery name the job
    def requeue_job(queue, msg, conn)
      raw = LabTap.redis.get("lab:#{msg['jid']}")
      return super unless raw
      LabTap.within({ key: JSON.parse(raw)["key"] }) { super }
    end
    def send_to_quarantine(msg, c = nil)
      raw = LabTap.redis.get("lab:#{msg['jid']}")
      return super unless raw
      LabTap.within({ key: JSON.parse(raw)["key"] }) { super }
    end
  end

  class Rack
    def initialize(app) @app = app end

    def call(env)
      key, fault = env.delete("HTTP_X_LAB_KEY"), env.delete("HTTP_X_LAB_FAULT")
      op = LabTap.op
      key ||= op + "-probe"
      LabTap.emit("app_start", op: op, key: key, name: "#{env['REQUEST_METHOD']} #{env['PATH_INFO']}")
      st = nil
      LabTap.within({ key: key, fault: fault, op: op }) do
        r = @app.call(env)
        st = r[0]
        r
      ensure
        LabTap.emit("app_end", op: op, status: st, rid: env["action_dispatch.request_id"])
      end
    end
  end

  def common
    ApplicationRecord.prepend(Save)
    Pantry.singleton_class.prepend(Tool)
    Sidekiq::Client.prepend(Push)
  end

  def web
    common
    app = ::Rails.application
    wrapped = Rack.new(app.method(:call).unbind.bind(app))
    app.define_singleton_method(:call) { |env| wrapped.call(env) }
  end

  def worker
    common
    Sidekiq::Processor.prepend(Proc)
    Sidekiq::JobRetry.prepend(Dead)
    Sidekiq::ExceptionHandler::Logger.prepend(Trace)
    Sidekiq::BaseReliableFetch.prepend(Requeue)
    Sidekiq::SemiReliableFetch.prepend(Requeue)
    ImportRecipeWorker.prepend(Skip)
  end
end
