class ImportRecipeWorker
  include Sidekiq::Worker
  sidekiq_options queue: "default", retry: 2
  sidekiq_retry_in { |count| 2 + count }
  sidekiq_retries_exhausted do |job, e|
    Recipe.find(job["args"][0]).update!(state: "failed")
    Sidekiq.logger.error("import given up after #{job['retry_count']} retries recipe_id=#{job['args'][0]} error=#{e.class}")
  end

  def perform(recipe_id)
    recipe = Recipe.find(recipe_id)
    return logger.info("recipe #{recipe_id} is imported already, skipping") if recipe.state == "ready"
    recipe.update!(jid: jid) if recipe.jid != jid
    a = Brain.generate("extract", { source: recipe.source }, timeout: 30, headers: { "X-Request-ID" => jid }, job: jid)
    logger.info("extracted recipe_id=#{recipe_id} generation=#{a['generation']} model=#{a['model']} prompt=#{a['prompt_version']} asks=#{a['asks']} tokens=#{a['tokens']}")
    foods = Pantry.batch(a["output"]["ingredients"], request_id: jid)
    logger.info("pantry matched #{foods.size} foods recipe_id=#{recipe_id}")
    t = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    recipe.update!(state: "ready", body: a["output"].to_json)
    logger.info("recipe saved recipe_id=#{recipe_id} ms=#{((Process.clock_gettime(Process::CLOCK_MONOTONIC) - t) * 1000).round(1)}")
    child = EmbedRecipeWorker.perform_async(recipe_id)
    logger.info("next EmbedRecipeWorker #{child}")
    NotifyWorker.perform_async(recipe_id, jid) if recipe.push_to.present?
  end
end
