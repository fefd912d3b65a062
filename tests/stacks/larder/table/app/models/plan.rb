class Plan < ApplicationRecord
  validates :days, inclusion: { in: 1..14 }
end
