require ENV["LAB_TAP"] if ENV["LAB_TAP"]
require_relative "config/environment"
LabTap.web if defined?(LabTap)
run Rails.application
