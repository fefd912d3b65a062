require "rails"
require "action_controller/railtie"
require "active_record/railtie"
require "lograge"
require "sidekiq"
require "faraday"
require_relative "../lib/json_log"

ENV["DATABASE_URL"] ||= "sqlite3:@OUT@/run/table.sqlite3?pool=20&timeout=10000"

module Table
  class Application < Rails::Application
    config.load_defaults 6.1
    config.api_only = true
    config.root = File.expand_path("..", __dir__)
    config.eager_load = true
    config.cache_classes = true
    config.consider_all_requests_local = false
    config.secret_key_base = "x" * 64
    config.log_level = :info
    config.hosts.clear
    config.active_record.migration_error = false
    config.eager_load_paths << root.join("app/lib")
    unless Sidekiq.server?
      $stdout.sync = true
      config.logger = ActiveSupport::Logger.new($stdout)
      config.logger.formatter = JsonLog.new
    else
      config.logger = Sidekiq.logger
    end
    config.lograge.enabled = true
    config.lograge.base_controller_class = "ActionController::API"
    config.lograge.formatter = Lograge::Formatters::Raw.new
    config.lograge.custom_payload { |c| { request_id: c.request.request_id, user_id: c.current_user, ip: c.request.remote_ip } }
    config.lograge.custom_options = ->(event) { { request_id: event.payload[:request_id], user_id: event.payload[:user_id], ip: event.payload[:ip] }.compact }
  end
end
