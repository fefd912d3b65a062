class PlanWeekWorker
  include Sidekiq::Worker
  sidekiq_options queue: "default", retry: 2
  sidekiq_retry_in { |count| 2 + count }
  sidekiq_retries_exhausted do |job, _e|
    Plan.find(job["args"][0]).update!(state: "failed")
  end

  def perform(plan_id, requested_by)
    plan = Plan.find(plan_id)
    logger.info("planning #{plan.days} days plan_id=#{plan_id} requested_by=#{requested_by}")
    a = Brain.generate("plan", { days: plan.days, diet: plan.diet }, timeout: 30, headers: { "X-Request-ID" => jid }, job: jid)
    logger.info("planned plan_id=#{plan_id} generation=#{a['generation']} model=#{a['model']} prompt=#{a['prompt_version']}#{' fallback=true' if a['fallback']}")
    t = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    plan.update!(state: "ready", body: a["output"].to_json)
    logger.info("plan saved plan_id=#{plan_id} ms=#{((Process.clock_gettime(Process::CLOCK_MONOTONIC) - t) * 1000).round(1)}")
  end
end
