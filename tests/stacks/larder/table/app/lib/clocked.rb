# logs what a block took; the block gives more fields, :_ is its result
module Clocked
  def self.info(message)
    t = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    fields = yield
    Rails.logger.info({ message: message, duration: ((Process.clock_gettime(Process::CLOCK_MONOTONIC) - t) * 1000).round(2) }.merge(fields.except(:_)))
    fields[:_]
  end
end
