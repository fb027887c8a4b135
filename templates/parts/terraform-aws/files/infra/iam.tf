data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:sub"
      values   = ["system:serviceaccount:{$ service $}:{$ service $}"]
    }
  }
}

resource "aws_iam_role" "service" {
  name               = "{$ service $}-${var.environment}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_secretsmanager_secret" "service" {
  name                    = "{$ service $}/${var.environment}"
  description             = "What {$ service $} must keep to itself"
  recovery_window_in_days = 30
}

data "aws_iam_policy_document" "service" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.service.arn]
  }
}

resource "aws_iam_role_policy" "service" {
  name   = "own-secrets"
  role   = aws_iam_role.service.id
  policy = data.aws_iam_policy_document.service.json
}
