variable "region" {
  description = "Region of AWS"
  type        = string
  default     = "{$ region $}"
}

variable "environment" {
  description = "production, staging, …"
  type        = string
}

variable "oidc_provider_arn" {
  description = "The cluster's identity provider, which lets the service account take its role"
  type        = string
}

variable "oidc_issuer" {
  description = "The provider's address without https://"
  type        = string
}
{% if database == 'postgresql' %}

variable "vpc_id" {
  description = "The network that the database stands in"
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of at least two zones"
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Whose members may reach the database"
  type        = string
}

variable "deletion_protection" {
  description = "Whether the database can be taken away only after this was switched off"
  type        = bool
  default     = true
}
{% endif %}
