import bifang.core.configuration.kinds
import bifang.core.secrets.sealed
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('axes', '0010_accessattemptexpiration'),
    ]

    operations = [
        migrations.CreateModel(
            name='Switch',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False, verbose_name='开关')),
                ('on', models.BooleanField(default=False, verbose_name='打开')),
                ('changed_at', models.DateTimeField(auto_now=True, verbose_name='修改时间')),
            ],
            options={
                'verbose_name': '系统开关',
                'verbose_name_plural': '系统开关',
            },
        ),
        migrations.CreateModel(
            name='LoginFailure',
            fields=[
            ],
            options={
                'verbose_name': '登录失败',
                'verbose_name_plural': '登录失败',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('axes.accessattempt',),
        ),
        migrations.CreateModel(
            name='SystemConfig',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=bifang.core.configuration.kinds.kind_choices, max_length=32, verbose_name='类型')),
                ('name', models.CharField(max_length=100, verbose_name='配置名称')),
                ('enabled', models.BooleanField(default=True, verbose_name='启用')),
                ('revision', models.PositiveIntegerField(default=1, editable=False, verbose_name='版本')),
                ('client_id', models.CharField(blank=True, default='', max_length=200, verbose_name='Client ID')),
                ('params', models.JSONField(blank=True, default=dict, verbose_name='参数')),
                ('secrets', bifang.core.secrets.sealed.SealedField(blank=True, editable=False, null=True, verbose_name='密钥')),
                ('last_error', models.TextField(blank=True, default='', editable=False, verbose_name='最近错误')),
                ('last_error_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='最近错误时间')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='创建时间')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='修改时间')),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='归档时间')),
                ('ai_config', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='used_by', to='core.systemconfig', verbose_name='AI配置')),
            ],
            options={
                'verbose_name': '系统配置',
                'verbose_name_plural': '系统配置',
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('archived_at', None)), fields=('kind', 'name'), name='config_name_unique', violation_error_message='同类配置中已有这个名称。'), models.UniqueConstraint(condition=models.Q(('archived_at', None), ('enabled', True), models.Q(('client_id', ''), _negated=True)), fields=('kind', 'client_id'), name='config_client_id_unique', violation_error_message='另一个启用的配置已使用这个 Client ID。')],
            },
        ),
    ]
