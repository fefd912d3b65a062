class NotifyWorker
  include Sidekiq::Worker
  class PushFailed < StandardError; end
  sidekiq_options queue: "low", retry: 1
  sidekiq_retry_in { 2 }

  def perform(recipe_id, import_jid)
    recipe = Recipe.find(recipe_id)
    logger.info("push for import #{import_jid} to #{recipe.push_to}")
    res = Faraday.post("http://127.0.0.1:8843/push/#{recipe.push_to}", { recipe: recipe_id }.to_json, "Content-Type" => "application/json")
    raise PushFailed, "push service answered #{res.status}" unless res.status == 200
    logger.info("pushed status=#{res.status}")
  end
end
