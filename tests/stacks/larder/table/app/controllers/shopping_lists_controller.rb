class ShoppingListsController < ApplicationController
  def create
    items = params.require(:items)
    priced = items.map do |i|
      Clocked.info("Pantry lookup") { f = Pantry.food(i, request_id: request.request_id); { _: f, food: i, found: !f.nil? } }
    end
    list = ShoppingList.new(body: priced.compact.to_json)
    Clocked.info("Shopping list stored") { list.save!; { list_id: list.id } }
    render json: { list: list.id, items: priced.size }, status: 201
  end
end
