class Current < ActiveSupport::CurrentAttributes
  attribute :request_id, :traceparent
end
