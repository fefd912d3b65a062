class ApplicationController < ActionController::API
  before_action :set_current, :authenticate
  rescue_from ActiveRecord::RecordNotFound do |e|
    render json: { error: e.message }, status: 404
  end
  rescue_from ActiveRecord::RecordInvalid do |e|
    Rails.logger.info(message: "Validation failed", errors: e.record.errors.full_messages)
    render json: { errors: e.record.errors.full_messages }, status: 422
  end
  rescue_from Brain::Error do |e|
    Rails.logger.error(message: e.message)
    render json: { error: "assistant_unavailable" }, status: 502
  end
  rescue_from Brain::Timeout do |e|
    Rails.logger.error(message: e.message)
    render json: { error: "assistant_timeout" }, status: 504
  end

  def current_user
    request.headers["X-User"]
  end

  private

  def set_current
    Current.request_id = request.request_id
    Current.traceparent = request.headers["Traceparent"]
  end

  def authenticate
    return if request.authorization.to_s.start_with?("Bearer lk_live_")
    Rails.logger.warn("API key rejected")
    render json: { error: "unauthorized" }, status: 401
  end
end
