class ShoppingList < ApplicationRecord; end
