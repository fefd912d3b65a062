class EmbedRecipeWorker
  include Sidekiq::Worker
  sidekiq_options queue: "low", retry: 1
  sidekiq_retry_in { 1 }

  def perform(recipe_id)
    recipe = Recipe.find(recipe_id)
    t = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    body, upstream = Embeddings.create(recipe.body, logger)
    logger.info("embedded recipe_id=#{recipe_id} model=#{body['model']} upstream=#{upstream} tokens=#{body.dig('usage', 'total_tokens')} ms=#{((Process.clock_gettime(Process::CLOCK_MONOTONIC) - t) * 1000).round}")
    t = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    recipe.update!(embedded: true)
    logger.info("embedding stored recipe_id=#{recipe_id} ms=#{((Process.clock_gettime(Process::CLOCK_MONOTONIC) - t) * 1000).round(1)}")
  end
end
