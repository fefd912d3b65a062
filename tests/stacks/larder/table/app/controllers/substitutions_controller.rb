class SubstitutionsController < ApplicationController
  def create
    item = params.require(:ingredient)
    facts = Clocked.info("Pantry lookup") { f = Pantry.food(item, request_id: request.request_id); { _: f, food: item, found: !f.nil? } }
    answer = Brain.generate("substitute", { ingredient: item, facts: facts }, timeout: 9, headers: { "X-Request-ID" => request.request_id, "traceparent" => Current.traceparent })
    Rails.logger.info({ message: "Substitution answered", generation: answer["generation"], model: answer["model"], fallback: answer["fallback"] || nil }.compact)
    render json: { ingredient: item, answer: answer["output"] }
  end
end
