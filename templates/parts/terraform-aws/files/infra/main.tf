terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket and key come from the pipeline: terraform init -backend-config=…
  backend "s3" {
    encrypt = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      service     = "{$ service $}"
      owner       = "{$ team $}"
      system      = "{$ system $}"
      environment = var.environment
      managed-by  = "terraform"
    }
  }
}
