Rails.application.routes.draw do
  scope "/v1" do
    resources :recipes, only: [:create, :show]
    resources :plans, only: [:create, :show]
    get "jobs/:jid", to: "jobs#show"
    post "substitutions", to: "substitutions#create"
    post "shopping_lists", to: "shopping_lists#create"
  end
  get "healthz", to: "health#show"
end
