from django.urls import path

from . import views

urlpatterns = [
    path("healthz", views.healthz),
    path("claims", views.create),
    path("claims/<str:claim_id>", views.read),
    path("claims/<str:claim_id>/letters", views.letter),
    path("claims/<str:claim_id>/ask", views.ask),
    path("jobs/<uuid:job_id>", views.job),
]
