// The function app on Flex Consumption.
param name string
param location string
param tags object
param identityName string
param storageName string
param deploymentContainer string
param settings object
param managementClientId string
param instanceMemoryMB int
param maximumInstanceCount int
param callsPerInstance int
param alwaysReadyQueueInstances int
param alwaysReadyHttpInstances int

// A function of a queue scales by itself; wipes are what should not wait for a cold start.
var alwaysReadyQueue = [{ name: 'function:handle_device_event', instanceCount: alwaysReadyQueueInstances }]
var alwaysReadyHttp = [{ name: 'http', instanceCount: alwaysReadyHttpInstances }]
var entra = {
  azureActiveDirectory: {
    enabled: true
    registration: {
      clientId: managementClientId
      openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    }
    validation: { allowedAudiences: [managementClientId, 'api://${managementClientId}'] }
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    // CRLs and CA certificates have to be fetched over http, or checking a certificate would need another check first.
    // The code takes secrets over https only.
    httpsOnly: false
    keyVaultReferenceIdentity: identity.id
    siteConfig: { minTlsVersion: '1.2', ftpsState: 'Disabled' }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: concat(
          alwaysReadyQueueInstances > 0 ? alwaysReadyQueue : [],
          alwaysReadyHttpInstances > 0 ? alwaysReadyHttp : []
        )
        triggers: { http: { perInstanceConcurrency: callsPerInstance } }
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: settings
}

// Passwords of a publishing profile are keys, too.
resource publishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [
  for kind in ['scm', 'ftp']: {
    parent: app
    name: kind
    properties: { allow: false }
  }
]

// Always on, even with no provider: it is what keeps strangers from sending x-ms-client-principal headers, which the
// management API believes. Anonymous requests pass, because SCEP and CRL clients have no Entra identity.
resource authentication 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: { requireAuthentication: false, unauthenticatedClientAction: 'AllowAnonymous' }
    httpSettings: { requireHttps: false } // as httpsOnly above
    identityProviders: empty(managementClientId) ? {} : entra
    login: { tokenStore: { enabled: false } }
  }
}

output name string = app.name
output planId string = plan.id
output host string = app.properties.defaultHostName
output verification string = app.properties.customDomainVerificationId
