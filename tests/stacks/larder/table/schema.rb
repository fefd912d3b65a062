require "sidekiq"
require_relative "config/environment"
ActiveRecord::Base.connection.execute("pragma journal_mode=wal")
ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  create_table(:recipes) { |t| t.string :title, :state, :jid, :push_to; t.text :source, :body; t.integer :servings, :minutes; t.boolean :embedded; t.timestamps }
  create_table(:plans) { |t| t.string :state, :diet; t.integer :days; t.text :body; t.timestamps }
  create_table(:shopping_lists) { |t| t.text :body; t.timestamps }
  add_index :recipes, :jid
end
ActiveRecord::Base.connection.execute("insert into sqlite_sequence values ('recipes', 4410)")
ActiveRecord::Base.connection.execute("insert into sqlite_sequence values ('plans', 730)")
