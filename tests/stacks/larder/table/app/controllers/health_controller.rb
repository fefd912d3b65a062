class HealthController < ApplicationController
  skip_before_action :authenticate
  def show
    render json: { ok: true }
  end
end
