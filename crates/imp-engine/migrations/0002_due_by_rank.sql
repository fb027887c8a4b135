create index effect_claim on effect (capability, rank, due_at) where state = 'pending';
