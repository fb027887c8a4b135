alter table measure add column owed text
