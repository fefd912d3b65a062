Redis.sadd_returns_boolean = false
redis = { url: "redis://127.0.0.1:6390/0", size: 20 }
Sidekiq.configure_client { |c| c.redis = redis }
Sidekiq.configure_server do |config|
  require "sidekiq-reliable-fetch"
  config.redis = redis
  config.log_formatter = Sidekiq::Logger::Formatters::JSON.new
  config.average_scheduled_poll_interval = 2
  config.options[:semi_reliable_fetch] = true
  config.options[:lease_interval] = 10
  config.options[:cleanup_interval] = 15
  Sidekiq::ReliableFetch.setup_reliable_fetch!(config)
  config.on(:startup) { StaleSweep.start }
end
