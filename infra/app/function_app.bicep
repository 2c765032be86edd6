// The function app on Flex Consumption.
param name string
param location string
param tags object
param identityName string
param storageName string
param deploymentContainer string
param vaultName string
param applicationInsightsName string
param publicUrl string
param defaultProfile string
param callers array
param eventSources array
param managementClientId string
param maximumInstanceCount int
param callsPerInstance int

var secrets = 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets'

// Names are those of shared/config/, or Azure's own; tests/infra knows both.
var settings = {
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AzureWebJobsDisableHomepage: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  PYTHON_THREADPOOL_THREAD_COUNT: string(callsPerInstance)
  SCEPTER_MAX_ENROLMENTS: string(2 * callsPerInstance)
  SCEPTER_PUBLIC_URL: publicUrl
  SCEPTER_DEFAULT_PROFILE: defaultProfile
  SCEPTER_CHALLENGE_KEYS: '@Microsoft.KeyVault(SecretUri=${secrets}/challenge-keys/)'
}
var callerSettings = toObject(
  callers,
  caller => 'SCEPTER_CALLER_SECRETS__${toUpper(replace(caller, '-', '_'))}',
  caller => '@Microsoft.KeyVault(SecretUri=${secrets}/caller-${caller}/)'
)
var eventSettings = toObject(
  eventSources,
  source => 'SCEPTER_EVENT_SECRETS__${toUpper(replace(source, '-', '_'))}',
  source => '@Microsoft.KeyVault(SecretUri=${secrets}/events-${source}/)'
)
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

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
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
  tags: union(tags, { 'azd-service-name': 'scepter' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    // CRLs and CA certificates have to be fetched over http, or checking a certificate would need another check first.
    httpsOnly: false
    keyVaultReferenceIdentity: identity.id
    siteConfig: { minTlsVersion: '1.2' }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstanceCount
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
  properties: union(settings, callerSettings, eventSettings)
}

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
output host string = app.properties.defaultHostName
