class RecipesController < ApplicationController
  def create
    p = params.require(:recipe).permit(:title, :source, :servings, :push_to)
    recipe = Recipe.new(p.merge(state: "queued", minutes: 40))
    Clocked.info("Recipe stored") { recipe.save!; { recipe_id: recipe.id } }
    jid = ImportRecipeWorker.perform_async(recipe.id)
    Rails.logger.info(message: "Import enqueued", recipe_id: recipe.id, jid: jid)
    render json: { recipe: recipe.id, job: jid }, status: 202
  end

  def show
    r = Recipe.find(params[:id])
    render json: { id: r.id, title: r.title, state: r.state, minutes_per_serving: r.minutes_per_serving, body: r.body }
  end
end
