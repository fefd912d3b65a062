class PlansController < ApplicationController
  def create
    p = params.require(:plan).permit(:days, :diet)
    plan = Plan.new(p.merge(state: "queued"))
    Clocked.info("Plan stored") { plan.save!; { plan_id: plan.id } }
    PlanWeekWorker.perform_async(plan.id, request.request_id)
    render json: { plan: plan.id }, status: 202
  end

  def show
    p = Plan.find(params[:id])
    render json: { id: p.id, state: p.state, body: p.body }
  end
end
