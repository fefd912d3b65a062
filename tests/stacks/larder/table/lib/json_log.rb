require "json"
require "time"

# one JSON object a line; hashes are merged, strings become "message"
class JsonLog < ::Logger::Formatter
  def call(severity, time, _progname, msg)
    line = { time: time.utc.iso8601(3), level: severity.downcase, pid: Process.pid }
    line[:request_id] = Current.request_id if defined?(Current) && Current.request_id
    line.merge!(msg.is_a?(Hash) ? msg : { message: msg.to_s.strip })
    "#{line.to_json}\n"
  end
end
