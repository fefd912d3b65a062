class Recipe < ApplicationRecord
  validates :title, presence: true
  validates :source, length: { minimum: 20 }

  def minutes_per_serving
    minutes / servings
  end
end
