resource "aws_db_subnet_group" "service" {
  name       = "{$ service $}-${var.environment}"
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "database" {
  name        = "{$ service $}-${var.environment}-database"
  description = "PostgreSQL of {$ service $}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  description                  = "The service alone"
  referenced_security_group_id = var.client_security_group_id
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_db_instance" "service" {
  identifier                          = "{$ service $}-${var.environment}"
  engine                              = "postgres"
  engine_version                      = "16"
  instance_class                      = "db.t4g.small"
  allocated_storage                   = 20
  max_allocated_storage               = 200
  db_name                             = "{$ service|replace('-', '_') $}"
  username                            = "owner"
  manage_master_user_password         = true
  storage_encrypted                   = true
  publicly_accessible                 = false
  multi_az                            = true
  backup_retention_period             = 14
  copy_tags_to_snapshot               = true
  deletion_protection                 = var.deletion_protection
  auto_minor_version_upgrade          = true
  iam_database_authentication_enabled = true
  performance_insights_enabled        = true
  db_subnet_group_name                = aws_db_subnet_group.service.name
  vpc_security_group_ids              = [aws_security_group.database.id]
  final_snapshot_identifier           = "{$ service $}-${var.environment}-last"
  enabled_cloudwatch_logs_exports     = ["postgresql"]
}
