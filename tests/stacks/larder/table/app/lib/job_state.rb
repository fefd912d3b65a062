module JobState
  def self.of(jid)
    Recipe.find_by(jid: jid)&.state
  end
end
