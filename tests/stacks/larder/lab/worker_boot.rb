require_relative "tap"
$stdout.sync = true
require "@OUT@/table/config/environment"
LabTap.worker
