class JobsController < ApplicationController
  def show
    state = JobState.of(params[:jid]) or return render(json: { error: "unknown job" }, status: 404)
    Rails.logger.info(message: "Job polled", jid: params[:jid], state: state)
    render json: { job: params[:jid], state: state }
  end
end
