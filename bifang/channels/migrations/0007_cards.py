"""Cards belong to every platform now; the rows stay in the table where they are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('channels', '0006_client_states'),
        ('core', '0003_second_factor'),
        ('dingtalk_integration', '0007_client_states'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='Card',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('out_track_id', models.CharField(max_length=64, unique=True, verbose_name='卡片 ID')),
                        ('conversation_id', models.CharField(blank=True, default='', max_length=200, verbose_name='会话')),
                        ('is_group', models.BooleanField(default=False, verbose_name='群聊')),
                        ('staff_id', models.CharField(blank=True, default='', max_length=100, verbose_name='员工 ID')),
                        ('state', models.CharField(choices=[('open', '进行中'), ('finished', '已完成'), ('given_up', '已改用文字'), ('failed', '已中断')], default='open', max_length=10, verbose_name='状态')),
                        ('shown', models.BooleanField(default=False, verbose_name='已投放')),
                        ('part_key', models.CharField(blank=True, default='', max_length=120, verbose_name='回复标识')),
                        ('digest', models.CharField(blank=True, default='', max_length=64, verbose_name='内容摘要')),
                        ('readers', models.JSONField(blank=True, default=list)),
                        ('last_error', models.TextField(blank=True, default='', verbose_name='最近错误')),
                        ('created_at', models.DateTimeField(verbose_name='创建时间')),
                        ('updated_at', models.DateTimeField(verbose_name='更新时间')),
                        ('config', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='core.systemconfig', verbose_name='配置')),
                        ('inbox', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='channels.inboxrow', verbose_name='来自')),
                    ],
                    options={
                        'verbose_name': 'AI 卡片',
                        'verbose_name_plural': 'AI 卡片',
                        'db_table': 'dingtalk_integration_card',
                        'ordering': ['-id'],
                        'indexes': [models.Index(condition=models.Q(('state__in', ['open', 'given_up'])), fields=['updated_at'], name='card_unfinished')],
                    },
                ),
            ],
        ),
        migrations.AddField(
            model_name='card',
            name='remote_id',
            field=models.CharField(blank=True, default='', max_length=200, verbose_name='平台的卡片 ID'),
        ),
    ]
