module StaleSweep
  def self.start
    Thread.new do
      loop do
        sleep 25
        n = Recipe.where(state: "queued").where("created_at < ?", 10.minutes.ago).count
        Sidekiq.logger.info("stale sweep: #{n} recipes older than 10m, queue latency #{Sidekiq::Queue.new.latency.round(2)}s, retry set #{Sidekiq::RetrySet.new.size}")
      end
    end
  end
end
